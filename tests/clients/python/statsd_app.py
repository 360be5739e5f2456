"""The DogStatsD client: `statsd_app.py PORT`."""

import sys

from datadog.dogstatsd import DogStatsd

statsd = DogStatsd(host="127.0.0.1", port=int(sys.argv[1]), disable_telemetry=True, disable_buffering=True)
statsd.increment("shop.orders", 3, tags=["kind:test"])
statsd.gauge("shop.open", 7)
statsd.histogram("shop.latency", 12.5)
statsd.distribution("shop.size", 42)
statsd.set("shop.users", "user-1")
statsd.event("Deploy é", "line one\nline two", tags=["a:b"])
statsd.service_check("shop.up", 0, message="fine")
statsd.flush()
