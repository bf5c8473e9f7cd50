"""The conversation: from a question to an explained, recorded answer."""
