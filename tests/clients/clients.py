"""The Python SDKs against the proxy: each case for each upstream dialect, one line of JSON each."""

import base64
import json
import sys

import anthropic
import openai
from google import genai
from google.genai import errors, types

BASE, UPSTREAMS = sys.argv[1], sys.argv[2:]
TEXT, AFTER = "Tartu lies on the river Emajõgi.", "It is cold in Tartu."
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
          "required": ["city", "people"], "additionalProperties": False}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()


class OpenAi:
    name = "openai (Python)"

    def __init__(self, upstream):
        self.client = openai.OpenAI(base_url=BASE + "/v1", api_key="none", max_retries=0)
        self.model, self.upstream = "pointsman/" + upstream, upstream

    def ask(self, content, **more):
        messages = content if isinstance(content, list) else [{"role": "user", "content": content}]
        return self.client.chat.completions.create(model=self.model, messages=messages, max_tokens=60, **more)

    def plain(self):
        answer = self.ask("Where is Tartu?")
        assert answer.choices[0].message.content == TEXT and answer.choices[0].finish_reason == "stop", answer
        assert (answer.usage.prompt_tokens, answer.usage.prompt_tokens_details.cached_tokens) == (20, 4), answer.usage

    def stream(self):
        chunks = list(self.ask("Where is Tartu?", stream=True, stream_options={"include_usage": True}))
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT
        assert chunks[-1].usage.completion_tokens == 7 and len({c.id for c in chunks}) == 1

    def tools(self):
        tools = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]
        question = {"role": "user", "content": "How is the weather?"}
        first = self.ask([question], tools=tools).choices[0]
        call = first.message.tool_calls[0]
        assert first.finish_reason == "tool_calls" and json.loads(call.function.arguments) == {"city": "Tartu"}, first
        result = {"role": "tool", "tool_call_id": call.id, "content": "-7"}
        turns = [question, first.message.model_dump(exclude_none=True), result]
        assert self.ask(turns, tools=tools).choices[0].message.content == AFTER

    def structured(self):
        form = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}
        answer = self.ask("Tell me of the place.", response_format=form)
        assert json.loads(answer.choices[0].message.content)["people"] == 91000

    def image(self):
        url = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}
        answer = self.ask([{"role": "user", "content": [{"type": "text", "text": "What is it?"}, url]}])
        assert answer.choices[0].message.content == "I see one picture."

    def error(self):
        try:
            self.ask("Please fail.")
        except openai.BadRequestError as error:
            assert "the provider says no" in str(error), error
        else:
            raise AssertionError("no error")

    def cancel(self):
        stream = self.ask("Say it slowly.", stream=True)
        next(iter(stream))
        stream.close()

    def embeddings(self):
        # It asks for base64 and decodes it, unless it is told otherwise.
        for more in ({}, {"encoding_format": "float"}):
            answer = self.client.embeddings.create(model=self.upstream + "-model", input=["Tartu", "Narva!"], **more)
            vectors = [datum.embedding for datum in answer.data]
            assert [one[0] for one in vectors] == [5, 6] and abs(vectors[0][1] - 0.1) < 1e-7, answer


class Responses(OpenAi):
    name = "openai, responses"
    embeddings = None  # the same as above

    def ask(self, content, **more):
        more = {"max_output_tokens": 60, **more}
        return self.client.responses.create(model=self.model, input=content, store=False, **more)

    def plain(self):
        answer = self.ask("Where is Tartu?", instructions="Be brief.")
        assert answer.output_text == TEXT and answer.status == "completed", answer
        assert (answer.usage.input_tokens, answer.usage.input_tokens_details.cached_tokens) == (20, 4), answer.usage

    def stream(self):
        with self.client.responses.stream(model=self.model, input="Where is Tartu?", store=False) as stream:
            assert "".join(event.delta for event in stream if event.type == "response.output_text.delta") == TEXT
            final = stream.get_final_response()
        assert final.output_text == TEXT and final.usage.output_tokens == 7, final

    def tools(self):
        tools = [{"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": False}]
        question = {"role": "user", "content": "How is the weather?"}
        first = self.ask([question], tools=tools)
        call = first.output[-1]
        assert call.type == "function_call" and json.loads(call.arguments) == {"city": "Tartu"}, first
        said = [item.model_dump(exclude_none=True) for item in first.output]
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "-7"}
        assert self.ask([question, *said, result], tools=tools).output_text == AFTER

    def structured(self):
        form = {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True}}
        assert json.loads(self.ask("Tell me of the place.", text=form).output_text)["people"] == 91000

    def image(self):
        url = {"type": "input_image", "image_url": "data:image/png;base64," + PNG, "detail": "auto"}
        content = [{"type": "input_text", "text": "What is it?"}, url]
        assert self.ask([{"role": "user", "content": content}]).output_text == "I see one picture."


class Gemini:
    name = "google-genai"

    def __init__(self, upstream):
        self.client = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=BASE))
        self.model, self.upstream = "pointsman/" + upstream, upstream

    def ask(self, contents, **more):
        config = types.GenerateContentConfig(max_output_tokens=60, **more)
        return self.client.models.generate_content(model=self.model, contents=contents, config=config)

    def plain(self):
        answer = self.ask("Where is Tartu?", system_instruction="Be brief.")
        assert answer.text == TEXT and answer.candidates[0].finish_reason == types.FinishReason.STOP, answer
        usage = answer.usage_metadata
        assert (usage.prompt_token_count, usage.cached_content_token_count) == (20, 4), usage

    def stream(self):
        chunks = list(self.client.models.generate_content_stream(model=self.model, contents="Where is Tartu?"))
        assert "".join(chunk.text or "" for chunk in chunks) == TEXT
        assert chunks[-1].usage_metadata.candidates_token_count == 7, chunks[-1]

    def tools(self):
        declared = types.FunctionDeclaration(name="weather", parameters_json_schema=PARAMETERS)
        tools = [types.Tool(function_declarations=[declared])]
        question = types.Content(role="user", parts=[types.Part(text="How is the weather?")])
        first = self.ask([question], tools=tools)
        call = first.function_calls[0]
        assert call.args == {"city": "Tartu"}, first
        given = types.FunctionResponse(id=call.id, name=call.name, response={"result": "-7"})
        result = types.Content(role="user", parts=[types.Part(function_response=given)])
        assert self.ask([question, first.candidates[0].content, result], tools=tools).text == AFTER

    def structured(self):
        more = {"response_mime_type": "application/json", "response_json_schema": SCHEMA}
        assert json.loads(self.ask("Tell me of the place.", **more).text)["people"] == 91000

    def image(self):
        picture = types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png")
        assert self.ask(["What is it?", picture]).text == "I see one picture."

    def error(self):
        try:
            self.ask("Please fail.")
        except errors.ClientError as error:
            assert error.code == 400 and "the provider says no" in str(error), error
        else:
            raise AssertionError("no error")

    def cancel(self):
        stream = self.client.models.generate_content_stream(model=self.model, contents="Say it slowly.")
        next(stream)
        stream.close()
        self.client.close()

    def embeddings(self):
        self.__init__(self.upstream)  # the last case has closed it
        # Of a name with `gemini` in it this SDK asks for one vector of a whole list, so each text is asked for by itself.
        for text in ("Tartu", "Narva!"):
            answer = self.client.models.embed_content(model=self.upstream + "-model", contents=text)
            length, tenth = answer.embeddings[0].values
            assert length == len(text) and abs(tenth - 0.1) < 1e-7, answer


class Anthropic:
    name = "anthropic (Python)"
    embeddings = None  # it has none

    def __init__(self, upstream):
        self.client = anthropic.Anthropic(base_url=BASE, api_key="none", max_retries=0)
        self.model = "pointsman/" + upstream

    def ask(self, content, **more):
        messages = content if isinstance(content, list) else [{"role": "user", "content": content}]
        return self.client.messages.create(model=self.model, messages=messages, max_tokens=60, **more)

    def plain(self):
        answer = self.ask("Where is Tartu?", system="Be brief.")
        assert answer.content[0].text == TEXT and answer.stop_reason == "end_turn", answer
        assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens) == (16, 4), answer.usage

    def stream(self):
        messages = [{"role": "user", "content": "Where is Tartu?"}]
        with self.client.messages.stream(model=self.model, messages=messages, max_tokens=60) as stream:
            assert "".join(stream.text_stream) == TEXT
            final = stream.get_final_message()
        assert final.stop_reason == "end_turn" and final.usage.output_tokens == 7, final

    def tools(self):
        tools = [{"name": "weather", "input_schema": PARAMETERS}]
        question = {"role": "user", "content": "How is the weather?"}
        first = self.ask([question], tools=tools)
        call = first.content[-1]
        assert first.stop_reason == "tool_use" and call.input == {"city": "Tartu"}, first
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "-7"}
        said = [block.model_dump(exclude_none=True) for block in first.content]
        turns = [question, {"role": "assistant", "content": said}, {"role": "user", "content": [result]}]
        assert self.ask(turns, tools=tools).content[0].text == AFTER

    def structured(self):
        config = {"format": {"type": "json_schema", "schema": SCHEMA}}
        answer = self.ask("Tell me of the place.", output_config=config)
        assert json.loads(answer.content[0].text)["people"] == 91000

    def image(self):
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        content = [{"type": "text", "text": "What is it?"}, {"type": "image", "source": source}]
        assert self.ask([{"role": "user", "content": content}]).content[0].text == "I see one picture."

    def error(self):
        try:
            self.ask("Please fail.")
        except anthropic.BadRequestError as error:
            assert "the provider says no" in str(error), error
        else:
            raise AssertionError("no error")

    def cancel(self):
        stream = self.ask("Say it slowly.", stream=True)
        next(iter(stream))
        stream.close()


for upstream in UPSTREAMS:
    for kind in (OpenAi, Responses, Anthropic, Gemini):
        client = kind(upstream)
        for case in ("plain", "stream", "tools", "structured", "image", "error", "cancel", "embeddings"):
            if getattr(client, case) is None:
                continue
            row = {"client": kind.name, "upstream": upstream, "case": case, "ok": True, "what": ""}
            try:
                getattr(client, case)()
            except Exception as error:  # whatever it is, it is the result of the case
                row.update(ok=False, what=f"{type(error).__name__}: {error}"[:300])
            print(json.dumps(row), flush=True)
