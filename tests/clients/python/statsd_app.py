"""The DogStatsD client: `statsd_app.py PORT` or `statsd_app.py PATH_OF_SOCKET`."""

import sys

from datadog.dogstatsd import DogStatsd

place = {"socket_path": sys.argv[1]} if "/" in sys.argv[1] else {"host": "127.0.0.1", "port": int(sys.argv[1])}
statsd = DogStatsd(**place, disable_telemetry=True, disable_buffering=True)
statsd.increment("shop.orders", 3, tags=["kind:test"])
statsd.gauge("shop.open", 7)
statsd.histogram("shop.latency", 12.5)
statsd.distribution("shop.size", 42)
statsd.set("shop.users", "user-1")
statsd.event("Deploy é", "line one\nline two", tags=["a:b"])
statsd.service_check("shop.up", 0, message="fine")
statsd.flush()
