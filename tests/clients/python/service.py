"""A service that asks another one: `service.py ddtrace|opentelemetry`. Prints its port; exporters come from variables.

`GET /relay?to=URL` makes a span of its own, asks URL from inside of it, and answers with the ids of its span and what came
back. `GET /flush` exports.
"""

import json
import sys
import urllib.parse
import urllib.request
from wsgiref.simple_server import WSGIRequestHandler, make_server

if sys.argv[1] == "ddtrace":
    from ddtrace import patch, tracer
    from ddtrace.contrib.wsgi import DDWSGIMiddleware

    patch(httplib=True)

    def around(app):
        return DDWSGIMiddleware(app)

    def ids():
        span = tracer.current_root_span()
        return format(span.trace_id, "032x"), format(span.parent_id or 0, "016x")

    def ask(url):
        with urllib.request.urlopen(url) as answer:
            return answer.read().decode()

    def flush():
        tracer.flush()

else:
    from opentelemetry import propagate, trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("service")

    def around(app):
        def traced(environ, start):
            headers = {key[5:].replace("_", "-").lower(): value
                       for key, value in environ.items() if key.startswith("HTTP_")}
            context = propagate.extract(headers)
            with tracer.start_as_current_span("GET /relay", context=context, kind=trace.SpanKind.SERVER):
                return app(environ, start)
        return traced

    def ids():
        span = trace.get_current_span()
        parent = span.parent.span_id if span.parent else 0
        return format(span.get_span_context().trace_id, "032x"), format(parent, "016x")

    def ask(url):
        with tracer.start_as_current_span("GET", kind=trace.SpanKind.CLIENT):
            headers = {}
            propagate.inject(headers)
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
                return answer.read().decode()

    def flush():
        provider.force_flush()


def relay(environ, start):
    to = urllib.parse.parse_qs(environ["QUERY_STRING"]).get("to")
    trace_id, parent_id = ids()
    body = json.dumps({"trace": trace_id, "parent": parent_id, "answer": ask(to[0]) if to else None})
    start("200 OK", [("content-type", "application/json")])
    return [body.encode()]


traced_relay = around(relay)


def app(environ, start):
    if environ["PATH_INFO"] == "/relay":
        return traced_relay(environ, start)
    flush()
    start("200 OK", [("content-type", "text/plain")])
    return [b"flushed"]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
