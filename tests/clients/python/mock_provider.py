"""A model provider that always says the same: OpenAI's chat completions with known usage. Standard library only.

Prints its port on the first line. The usage is 1234 tokens in (1024 of them cached), 56 out (32 of them reasoning).
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {
    "prompt_tokens": 1234,
    "completion_tokens": 56,
    "total_tokens": 1290,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 32, "audio_tokens": 0},
}
ANSWER = "The weather in Paris is 18 C and sunny."


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body, content_type="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path.rstrip("/").endswith("/models"):
            self.send(200, {"object": "list", "data": [{"id": "gpt-4o", "object": "model"}]})
        elif self.path == "/api/tags":
            self.send(200, {"models": [{"name": "llama3.2:latest"}]})
        else:
            self.send(404, {"error": {"message": "not found"}})

    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        request = json.loads(self.rfile.read(length) or b"{}")
        model = request.get("model", "gpt-4o")
        answered = model if "-20" in model else model + "-2024-08-06"
        if not self.path.endswith("/chat/completions"):
            self.send(404, {"error": {"message": "not found"}})
        elif model == "mock-429":
            error = {"message": "rate limit", "type": "requests", "code": "rate_limit_exceeded"}
            self.send(429, {"error": error})
        elif request.get("stream"):
            self.stream(answered, (request.get("stream_options") or {}).get("include_usage"))
        else:
            message = {"role": "assistant", "content": ANSWER, "refusal": None}
            finish = "stop"
            if request.get("tools") and not any(m.get("role") == "tool" for m in request["messages"]):
                name = request["tools"][0]["function"]["name"]
                call = {"id": "call_1", "type": "function",
                        "function": {"name": name, "arguments": "{\"city\":\"Paris\"}"}}
                message, finish = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
            choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
            self.send(200, {"id": "chatcmpl-1", "object": "chat.completion", "created": 1790000000,
                            "model": answered, "choices": [choice], "usage": USAGE,
                            "service_tier": "default"})

    def stream(self, model, include_usage):
        def chunk(delta, finish=None, usage=None, choices=True):
            choice = [{"index": 0, "delta": delta, "finish_reason": finish}] if choices else []
            body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1790000000,
                    "model": model, "choices": choice}
            if include_usage:
                body["usage"] = usage
            return f"data: {json.dumps(body)}\n\n".encode()

        parts = [chunk({"role": "assistant", "content": ""})]
        parts += [chunk({"content": word + " "}) for word in ANSWER.split()]
        parts.append(chunk({}, "stop"))
        if include_usage:
            parts.append(chunk({}, usage=USAGE, choices=False))
        parts.append(b"data: [DONE]\n\n")
        self.send(200, b"".join(parts), "text/event-stream")


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Provider)
    print(server.server_address[1], flush=True)
    server.serve_forever()
