"""A provider of all dialects at once, for real SDKs behind the proxy. What it answers follows from what it is asked: a tool call
where tools are offered and not yet answered, JSON where a schema is given, an error where the prompt asks for one."""

import base64
import json
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = "Tartu lies on the river Emajõgi."
AFTER_TOOL = "It is cold in Tartu."
DATA = {"city": "Tartu", "people": 91000}
GONE = []  # paths whose client left in the middle


def words(text):
    return [text[i : i + 9] for i in range(0, len(text), 9)]


def calls_of(body):
    """The calls and the results of a conversation in whatever dialect: (id, name) pairs in order, what was given for which."""
    calls, results = [], []
    for turn in body.get("messages") or []:
        calls += [(call["id"], call["function"]["name"]) for call in turn.get("tool_calls") or []]
        if turn["role"] == "tool":
            results.append((turn["tool_call_id"], turn["content"]))
        blocks = turn["content"] if isinstance(turn.get("content"), list) else []
        calls += [(block["id"], block["name"]) for block in blocks if block["type"] == "tool_use"]
        results += [(block["tool_use_id"], block.get("content")) for block in blocks if block["type"] == "tool_result"]
    for turn in body.get("contents") or []:
        for part in turn["parts"]:
            if "functionCall" in part:  # they go by name and order
                calls.append((part["functionCall"]["name"], part["functionCall"]["name"]))
            if "functionResponse" in part:
                results.append((part["functionResponse"]["name"], part["functionResponse"]["response"]))
    for item in body["input"] if isinstance(body.get("input"), list) else []:
        if item.get("type") == "function_call":
            calls.append((item["call_id"], item["name"]))
        if item.get("type") == "function_call_output":
            results.append((item["call_id"], item["output"]))
    return calls, results


def wrong(body):
    """What a real provider would refuse."""
    calls, results = calls_of(body)
    ids = [id for id, _ in calls]
    if "contents" not in body and len(set(ids)) < len(ids):
        return f"ids of calls must be unique: {ids}"
    for turn in body.get("contents") or []:
        made = [part for part in turn["parts"] if "functionCall" in part]
        if made and "thoughtSignature" not in made[0]:
            return "a call is missing a thought_signature"
    if [id for id, _ in results] != ids[: len(results)]:
        return f"results {[id for id, _ in results]} do not belong to calls {ids}"
    if any(not given for _, given in results):
        return f"a result says nothing: {results}"
    return ""


def vector(text):
    """Tells texts apart: the length, and a number that no binary fraction is."""
    return [float(len(text)), 0.1]


def text_of(request):
    return request["content"]["parts"][0]["text"]


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.whole(200, {"gone": GONE})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        path = self.path.split("?")[0]
        fault = "" if "embed" in path.lower() else wrong(body)
        if fault:
            self.whole(400, {"type": "error", "error": {"message": fault, "type": "invalid_request_error", "code": "wrong",
                                                        "status": "INVALID_ARGUMENT"}})
        elif path.endswith("/chat/completions"):
            self.chat(body)
        elif path.endswith("/messages"):
            self.messages(body)
        elif path.endswith("/responses"):
            self.items(body)
        elif path.endswith(("/gemini-model-1:generateContent", "/gemini-model-1:streamGenerateContent")):
            self.gemini(body, "stream" in path)
        elif path.endswith("/embeddings"):
            self.embeddings(body)
        elif path.endswith("/gemini-model-1:embedContent"):
            self.whole(200, {"embedding": {"values": vector(text_of(body))}})
        elif path.endswith("/gemini-model-1:batchEmbedContents"):
            assert all(one["model"] == "models/gemini-model-1" for one in body["requests"]), body
            self.whole(200, {"embeddings": [{"values": vector(text_of(one))} for one in body["requests"]]})
        else:
            self.whole(404, {"error": {"message": "no such path " + path}})

    # what is asked, told from the text of the whole conversation
    def wants(self, body, schema):
        text = json.dumps(body.get("messages") or body.get("contents") or body.get("input"))
        if "Please fail." in text:
            return "fail"
        if any(given in text for given in ('"tool_result"', '"functionResponse"', '"tool"', '"function_call_output"')):
            return "after"
        if body.get("tools"):
            return "tool"
        if schema:
            return "data"
        if "image" in text:
            return "image"
        return "slow" if "Say it slowly." in text else "text"

    def call(self, body):
        """The first tool offered: one called `json` is how some clients ask for structured output."""
        tool = body["tools"][0]
        name = tool.get("name") or tool["function"]["name"]
        return name, DATA if name == "json" else {"city": "Tartu"}

    def said(self, want):
        return {"after": AFTER_TOOL, "data": json.dumps(DATA), "image": "I see one picture."}.get(want, TEXT)

    def chat(self, body):
        want = self.wants(body, body.get("response_format"))
        if want == "fail":
            return self.whole(400, {"error": {"message": "the provider says no", "type": "invalid_request_error",
                                              "code": "no", "param": None}})
        usage = {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27,
                 "prompt_tokens_details": {"cached_tokens": 4}}
        tool, head = want == "tool", {"id": "chatcmpl-7", "created": 1, "model": body["model"]}
        name, arguments = self.call(body) if tool else ("", {})
        call = {"id": "call_7", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        finish = "tool_calls" if tool else "stop"
        if not body.get("stream"):
            message = {"role": "assistant", "content": None if tool else self.said(want)}
            if tool:
                message["tool_calls"] = [call]
            choice = {"index": 0, "message": message, "finish_reason": finish}
            return self.whole(200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage})

        def chunk(delta, finish=None):
            return {**head, "object": "chat.completion.chunk",
                    "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

        events = [chunk({"role": "assistant", "content": ""})]
        if tool:
            arguments = call["function"]["arguments"]
            first = {**call, "index": 0, "function": {"name": name, "arguments": ""}}
            events.append(chunk({"tool_calls": [first]}))
            events += [chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in words(arguments)]
        else:
            events += [chunk({"content": piece}) for piece in words(self.said(want))]
        events.append(chunk({}, finish))
        if (body.get("stream_options") or {}).get("include_usage"):
            events.append({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        self.stream([f"data: {json.dumps(event)}\n\n" for event in events] + ["data: [DONE]\n\n"], want == "slow")

    def messages(self, body):
        config = body.get("output_config") or {}
        want = self.wants(body, config.get("format") or body.get("output_format"))
        if want == "fail":
            return self.whole(400, {"type": "error",
                                    "error": {"type": "invalid_request_error", "message": "the provider says no"}})
        tool = want == "tool"
        name, arguments = self.call(body) if tool else ("", {})
        block = ({"type": "tool_use", "id": "toolu_7", "name": name, "input": arguments} if tool
                 else {"type": "text", "text": self.said(want)})
        usage = {"input_tokens": 16, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 0, "output_tokens": 7}
        message = {"id": "msg_7", "type": "message", "role": "assistant", "model": body["model"], "content": [block],
                   "stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None, "usage": usage}
        if not body.get("stream"):
            return self.whole(200, message)
        empty = {**block, "input": {}} if tool else {"type": "text", "text": ""}
        pieces = words(json.dumps(block["input"])) if tool else words(block["text"])
        kind = ("input_json_delta", "partial_json") if tool else ("text_delta", "text")
        events = [{"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
                  {"type": "content_block_start", "index": 0, "content_block": empty}]
        events += [{"type": "content_block_delta", "index": 0, "delta": {"type": kind[0], kind[1]: piece}} for piece in pieces]
        events += [{"type": "content_block_stop", "index": 0},
                   {"type": "message_delta", "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
                    "usage": {"output_tokens": 7}},
                   {"type": "message_stop"}]
        self.stream([f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events], want == "slow")

    def items(self, body):
        want = self.wants(body, (body.get("text") or {}).get("format"))
        head = {"id": "resp_7", "object": "response", "created_at": 1, "model": body["model"], "error": None,
                "incomplete_details": None, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
        tool = want == "tool"
        name, arguments = self.call(body) if tool else ("", {})
        text = json.dumps(arguments) if tool else self.said(want)
        part = {"type": "output_text", "text": text, "annotations": []}
        item = ({"type": "function_call", "id": "fc_7", "call_id": "call_7", "name": name, "arguments": text} if tool
                else {"type": "message", "id": "msg_7", "role": "assistant", "content": [part]})
        usage = {"input_tokens": 20, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 7,
                 "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 27}
        done = {**head, "status": "completed", "output": [{**item, "status": "completed"}], "usage": usage}
        if not body.get("stream"):
            return self.whole(200, done)
        at = {"item_id": item["id"], "output_index": 0}
        inside = {**at, "content_index": 0}
        begun = {**item, "status": "in_progress", **({"arguments": ""} if tool else {"content": []})}
        events = [("created", {"response": {**head, "status": "in_progress", "output": [], "usage": None}}),
                  ("output_item.added", {"output_index": 0, "item": begun})]
        if tool:
            events += [("function_call_arguments.delta", {**at, "delta": piece}) for piece in words(text)]
            events.append(("function_call_arguments.done", {**at, "arguments": text}))
        else:
            events.append(("content_part.added", {**inside, "part": {**part, "text": ""}}))
            events += [("output_text.delta", {**inside, "delta": piece}) for piece in words(text)]
            events += [("output_text.done", {**inside, "text": text}), ("content_part.done", {**inside, "part": part})]
        events += [("output_item.done", {"output_index": 0, "item": done["output"][0]}), ("completed", {"response": done})]
        events = [{"type": f"response.{kind}", "sequence_number": i, **event} for i, (kind, event) in enumerate(events)]
        self.stream([f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events], want == "slow")

    def gemini(self, body, stream):
        config = body.get("generationConfig") or {}
        want = self.wants(body, config.get("responseMimeType") == "application/json")
        if want == "fail":
            return self.whole(400, {"error": {"code": 400, "message": "the provider says no", "status": "INVALID_ARGUMENT"}})
        parts = [{"text": piece} for piece in words(self.said(want))]
        if want == "tool":
            name, arguments = self.call({"tools": body["tools"][0]["functionDeclarations"]})
            parts = [{"functionCall": {"name": name, "args": arguments}, "thoughtSignature": "c2lnbmVk"}]
        usage = {"promptTokenCount": 20, "cachedContentTokenCount": 4, "candidatesTokenCount": 7, "totalTokenCount": 27}
        last = {"finishReason": "STOP", "usage": usage}

        def answer(parts, finishReason=None, usage=None):
            candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
            if finishReason:
                candidate["finishReason"] = finishReason
            head = {"modelVersion": "gemini-model-1", "responseId": "r7", "candidates": [candidate]}
            return {**head, "usageMetadata": usage} if usage else head

        if not stream:
            text = "".join(part.get("text", "") for part in parts)
            return self.whole(200, answer([{"text": text}] if text else parts, **last))
        events = [answer([part]) for part in parts[:-1]] + [answer(parts[-1:], **last)]
        self.stream([f"data: {json.dumps(event)}\r\n\r\n" for event in events], want == "slow")

    def embeddings(self, body):
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        written = [vector(text) for text in texts]
        if body.get("encoding_format") == "base64":
            written = [base64.b64encode(struct.pack("<2f", *one)).decode() for one in written]
        data = [{"object": "embedding", "index": at, "embedding": one} for at, one in enumerate(written)]
        self.whole(200, {"object": "list", "model": body["model"], "data": data,
                         "usage": {"prompt_tokens": 20, "total_tokens": 20}})

    def whole(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, events, slow):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for event in events:
                data = event.encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()
                time.sleep(0.3 if slow else 0)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            GONE.append(self.path)
            self.close_connection = True


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    print(server.server_address[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever()
