"""A local stand-in for Weaviate: it speaks what `weaviate-client` sends, and keeps to Weaviate's documented limits.

    with Double.started() as double:
        client = weaviate.connect_to_local(port=double.port, grpc_port=double.grpc_port, skip_init_checks=True)
        double.set(hang=True)

It is a process of its own, so that what is tested meets a real network, real gRPC codes and real timeouts. It keeps
everything in memory and compares vectors exactly, so it says nothing about Weaviate's speed or about the recall of its
approximate index. What it enforces, and where that is documented, stands in `limits.py`.
"""

from weaviate_double.running import Double

__all__ = ["Double"]
