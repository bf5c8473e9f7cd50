"""Suite `operations`: a simulated operation in which policies for choosing bins are played against each other."""
