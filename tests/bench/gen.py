# small generator of LLM-shaped OTLP traces (own work): n spans, 8 spans a trace; yields serialized ExportTraceServiceRequest of `batch` spans
import os,random,struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
def batches(n,batch=512,seed=1,t0=1_700_000_000_000_000_000,project="bench"):
    r=random.Random(seed); i=0; words=[f"w{k}" for k in range(3000)]
    while i<n:
        q=ExportTraceServiceRequest(); rs=q.resource_spans.add(); a=rs.resource.attributes.add(); a.key="service.name"; a.value.string_value=f"svc-{r.randrange(5)}"
        a=rs.resource.attributes.add(); a.key="openinference.project.name"; a.value.string_value=project
        ss=rs.scope_spans.add(); ss.scope.name="gen"; ids=[]
        for _ in range(min(batch,n-i)//8):
            tid=r.randbytes(16); ids.append(tid); root=None; ts=t0+i*1_000_000
            for k in range(8):
                s=ss.spans.add(); s.trace_id=tid; s.span_id=r.randbytes(8); 
                if k: s.parent_span_id=root
                else: root=s.span_id
                s.name=["POST /chat","retrieve","embed","chat gpt-4o","tool.search","chat gpt-4o","guardrail","render"][k]; s.kind=[2,1,3,3,1,3,1,1][k]
                s.start_time_unix_nano=ts+k*10_000_000; s.end_time_unix_nano=s.start_time_unix_nano+int(r.lognormvariate(18,1)); s.status.code=2 if r.random()<.01 else 1
                def st(k_,v): a=s.attributes.add(); a.key=k_; a.value.string_value=v
                def it(k_,v): a=s.attributes.add(); a.key=k_; a.value.int_value=v
                st("http.route","/chat"); st("user.id",f"u{r.randrange(20000)}"); st("env","prod")
                if k in(3,5): st("gen_ai.system","openai"); st("gen_ai.operation.name","chat"); st("gen_ai.request.model","gpt-4o"); it("gen_ai.usage.input_tokens",r.randrange(50,4000)); it("gen_ai.usage.output_tokens",r.randrange(5,900)); st("openinference.span.kind","LLM"); st("input.value"," ".join(r.choices(words,k=60))); st("output.value"," ".join(r.choices(words,k=40)))
                else: st("openinference.span.kind","CHAIN")
                i+=1
        yield q.SerializeToString(),ids

if __name__ == "__main__":
    # gen.py SPANS FILE IDS: requests as 4-byte big-endian length and bytes; one trace id in hex per line.
    import sys
    with open(sys.argv[2], "wb") as out, open(sys.argv[3], "w") as names:
        for body, ids in batches(int(sys.argv[1])):
            out.write(struct.pack(">I", len(body)) + body)
            for trace in ids:
                names.write(trace.hex() + "\n")
