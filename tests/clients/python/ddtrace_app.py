"""ddtrace with LLM Observability: `ddtrace_app.py PROVIDER_URL`; the Agent's address comes from DD_TRACE_AGENT_URL.

Prints its trace id.
"""

import sys

from ddtrace import patch, tracer
from ddtrace.llmobs import LLMObs

patch(openai=True)
LLMObs.enable(ml_app="tests")
import openai  # noqa: E402

client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="not-a-key", max_retries=0)
with tracer.trace("web.request", service="ddtrace-python", resource="GET /checkout", span_type="web") as root:
    root.set_tag("http.route", "/checkout")
    root.set_metric("cart.items", 3)
    with tracer.trace("db.query", resource="SELECT 1", span_type="sql") as query:
        query.error = 1
        query.set_tag("error.message", "no such table")
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Weather in Paris?"}])
    if LLMObs.enabled:
        with LLMObs.task(name="judge") as task:
            judged = LLMObs.export_span(task)
        LLMObs.submit_evaluation(label="helpfulness", metric_type="score", value=0.9, span=judged)
    print(format(root.trace_id, "032x"), flush=True)
LLMObs.flush()
tracer.shutdown()
