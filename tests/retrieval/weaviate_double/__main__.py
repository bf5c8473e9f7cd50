"""Runs the stand-in until its input is closed: python -m weaviate_double [BYTES OF THE LARGEST MESSAGE]."""

import json
import sys
from threading import Thread

from weaviate_double import rest, service
from weaviate_double.kept import Kept
from weaviate_double.limits import GRPC_MESSAGE_BYTES, Faults

message_bytes = int(sys.argv[1]) if len(sys.argv) > 1 else GRPC_MESSAGE_BYTES
kept, faults = Kept(), Faults()
grpc_server, grpc_port = service.serve(kept, faults, message_bytes)
http_server = rest.serve(rest.Rest(kept, faults, message_bytes))
http_server.daemon_threads = True
Thread(target=http_server.serve_forever, daemon=True).start()
sys.stdout.write(json.dumps({"port": http_server.server_address[1], "grpc_port": grpc_port}) + "\n")
sys.stdout.flush()
sys.stdin.read()  # ends with the process that started this one
faults.hang = False
grpc_server.stop(0)
