"""OpenTelemetry's Python SDK over HTTP or gRPC: `otel_app.py http|grpc ENDPOINT PROVIDER_URL`. Prints its trace id."""

import logging
import sys

from opentelemetry import metrics, trace
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

protocol, endpoint, provider_url = sys.argv[1:4]
if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    def exporter(kind, _path):
        return kind(endpoint=endpoint, insecure=True)
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    def exporter(kind, path):
        return kind(endpoint=f"{endpoint}/v1/{path}")


resource = Resource.create({"service.name": f"otel-python-{protocol}", "service.version": "1.2.3",
                            "deployment.environment.name": "tests"})
tracing = TracerProvider(resource=resource)
tracing.add_span_processor(BatchSpanProcessor(exporter(OTLPSpanExporter, "traces")))
trace.set_tracer_provider(tracing)
reader = PeriodicExportingMetricReader(exporter(OTLPMetricExporter, "metrics"))
metering = MeterProvider(resource=resource, metric_readers=[reader])
metrics.set_meter_provider(metering)
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(BatchLogRecordProcessor(exporter(OTLPLogExporter, "logs")))
logging.getLogger("shop").addHandler(LoggingHandler(level=logging.INFO, logger_provider=logs))
logging.getLogger("shop").setLevel(logging.INFO)

from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor  # noqa: E402

OpenAIInstrumentor().instrument(tracer_provider=tracing)
import openai  # noqa: E402

tracer = trace.get_tracer("otel-app", "0.1")
with tracer.start_as_current_span("GET /checkout", kind=trace.SpanKind.SERVER) as root:
    root.set_attribute("http.route", "/checkout")
    root.set_attribute("user.mail", "jane.doe@example.com")
    root.add_event("cart loaded", {"items": 3, "ratio": 0.5, "ok": True})
    with tracer.start_as_current_span("pay", links=[trace.Link(root.get_span_context(), {"why": "test"})]) as pay:
        try:
            raise ValueError("card declined")
        except ValueError as error:
            pay.record_exception(error)
            pay.set_status(trace.StatusCode.ERROR, "card declined")
        logging.getLogger("shop").warning("payment failed for %s", "order-7")
    client = openai.OpenAI(base_url=provider_url + "/v1", api_key="not-a-key", max_retries=0)
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Weather in Paris?"}])
    print(format(root.get_span_context().trace_id, "032x"), flush=True)

meter = metrics.get_meter("otel-app")
meter.create_counter("orders").add(3, {"kind": "test"})
meter.create_histogram("latency", unit="ms").record(12.5)
tracing.shutdown()
logs.shutdown()
metering.shutdown()
