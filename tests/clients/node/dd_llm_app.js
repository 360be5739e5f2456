// dd-trace JS with LLM Observability: `node dd_llm_app.js PROVIDER_URL`; the Agent's address comes from DD_TRACE_AGENT_URL.
// A workflow calls a tool and a model, and judges the answer. Prints its trace id.
'use strict'

const tracer = require('dd-trace').init({
  service: 'ddtrace-js',
  flushInterval: 100,
  startupLogs: false,
  llmobs: { mlApp: 'tests' },
})
const llmobs = tracer.llmobs

async function chat(url, question) {
  const messages = [{ role: 'user', content: question }]
  const answer = await fetch(url + '/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o', messages }),
  })
  const { model, choices: [{ message, finish_reason: stop }], usage } = await answer.json()
  llmobs.annotate({
    inputData: messages,
    outputData: [{ role: message.role, content: message.content }],
    metadata: { finish_reason: stop, answered_by: model },
    metrics: {
      inputTokens: usage.prompt_tokens,
      outputTokens: usage.completion_tokens,
      totalTokens: usage.total_tokens,
      cacheReadTokens: usage.prompt_tokens_details.cached_tokens,
    },
  })
  return { answer: message.content, span: llmobs.exportSpan() }
}

async function main() {
  await tracer.trace('web.request', { resource: 'GET /weather', type: 'web' }, async (root) => {
    const high = root.context()._trace.tags['_dd.p.tid'] || ''
    const low = BigInt(root.context().toTraceId()).toString(16).padStart(16, '0')
    console.log(high.padStart(16, '0') + low)
    await llmobs.trace({ kind: 'workflow', name: 'answer', sessionId: 'session-js' }, async () => {
      llmobs.trace({ kind: 'tool', name: 'find_city' }, () => {
        llmobs.annotate({ inputData: 'Weather in Paris?', outputData: 'Paris' })
      })
      const call = { kind: 'llm', name: 'chat', modelName: 'gpt-4o', modelProvider: 'openai' }
      const { answer, span } = await llmobs.trace(call, () => chat(process.argv[2], 'Weather in Paris?'))
      llmobs.annotate({ inputData: 'Weather in Paris?', outputData: answer })
      llmobs.submitEvaluation(span, { label: 'helpfulness', metricType: 'score', value: 0.9 })
      llmobs.submitEvaluation(span, { label: 'tone', metricType: 'categorical', value: 'friendly' })
    })
  })
  llmobs.flush()
}

main().then(() => setTimeout(() => process.exit(0), 2000))
