"""An old ddtrace, which speaks v0.3: `ddtrace_v03_app.py`; the Agent's address comes from DD_TRACE_AGENT_URL.

Prints its trace id.
"""

from ddtrace import tracer

with tracer.trace("web.request", service="ddtrace-v03", resource="GET /checkout", span_type="web") as root:
    root.set_tag("http.route", "/checkout")
    with tracer.trace("db.query", resource="SELECT 1", span_type="sql") as query:
        query.error = 1
        query.set_tag("error.message", "no such table")
    print(format(root.trace_id, "032x"), flush=True)
tracer.flush()
tracer.shutdown()
