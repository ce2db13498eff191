"""A collector of OpenTelemetry: takes what is posted and reads it by the messages that OpenTelemetry publishes."""

import gzip
import queue
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

PATIENCE_S = 60.0


@dataclass
class Push:
    """One POST: its path, its headers by their lower-case names, and the request in it."""

    path: str
    headers: dict[str, str]
    request: ExportMetricsServiceRequest

    @property
    def metrics(self):
        """Each metric by its name."""
        (resource,) = self.request.resource_metrics
        (scope,) = resource.scope_metrics
        return {metric.name: metric for metric in scope.metrics}

    @property
    def who(self):
        """The attributes of the resource."""
        (resource,) = self.request.resource_metrics
        return {each.key: each.value.string_value for each in resource.resource.attributes}

    def values(self, name):
        """Return the values of a metric by the values of its labels."""
        metric = self.metrics[name]
        points = metric.sum.data_points if metric.HasField("sum") else metric.gauge.data_points
        return {tuple(a.value.string_value for a in point.attributes): point.as_double for point in points}


class Receiver:
    """Listens at a free port; answers `status` with `headers` and `body`. Fields that nobody knows are an error."""

    def __init__(self, certificates=None):
        self.status, self.headers, self.body = 200, {}, b"{}"
        self.pushes = queue.Queue()
        self._server = HTTPServer(("127.0.0.1", 0), self._handler())
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.server, certificates.server_key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def next(self):
        """Return the next push; wait for it."""
        return self.pushes.get(timeout=PATIENCE_S)

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                content = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
                request = json_format.Parse(content, ExportMetricsServiceRequest())
                self.send_response(receiver.status)
                for name, value in {**receiver.headers, "Content-Length": str(len(receiver.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(receiver.body)
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.pushes.put(Push(self.path, headers, request))

            def log_message(self, *_):
                """Say nothing."""

        return Handler
