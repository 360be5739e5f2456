"""OpenInference over OTLP/HTTP: `openinference_app.py ENDPOINT PROVIDER_URL`. Prints its trace id."""

import sys

from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

endpoint, provider_url = sys.argv[1:3]
provider = TracerProvider(resource=Resource.create({"service.name": "openinference-python"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
trace.set_tracer_provider(provider)
OpenAIInstrumentor().instrument(tracer_provider=provider)
import openai  # noqa: E402

tool = {"type": "function", "function": {"name": "get_weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}}}}
client = openai.OpenAI(base_url=provider_url + "/v1", api_key="not-a-key", max_retries=0)
with trace.get_tracer("app").start_as_current_span("agent turn") as root:
    client.chat.completions.create(
        model="gpt-4o", tools=[tool], messages=[{"role": "user", "content": "Weather in Paris?"}])
    print(format(root.get_span_context().trace_id, "032x"), flush=True)
provider.shutdown()
