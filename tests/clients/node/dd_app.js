// dd-trace JS: `node dd_app.js`; the Agent's address comes from DD_TRACE_AGENT_URL. Prints its trace id.
'use strict'

const tracer = require('dd-trace').init({ service: 'ddtrace-js', flushInterval: 100, startupLogs: false })

tracer.trace('web.request', { resource: 'GET /checkout', type: 'web' }, (root) => {
  root.setTag('http.route', '/checkout')
  tracer.trace('db.query', { resource: 'SELECT 1', type: 'sql' }, (span) => {
    span.setTag('error', new Error('no such table'))
  })
  const high = root.context()._trace.tags['_dd.p.tid'] || ''
  const low = BigInt(root.context().toTraceId()).toString(16).padStart(16, '0')
  console.log(high.padStart(16, '0') + low)
})
setTimeout(() => process.exit(0), 1500)
