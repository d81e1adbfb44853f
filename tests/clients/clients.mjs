// The Node SDKs against the proxy: each case for each upstream dialect, one line of JSON each.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { GoogleGenAI } from '@google/genai';
import { embedMany, generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import OpenAI from 'openai';

const [base, ...upstreams] = process.argv.slice(2);
const TEXT = 'Tartu lies on the river Emajõgi.';
const AFTER = 'It is cold in Tartu.';
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
const schema = {
  type: 'object', properties: { city: { type: 'string' }, people: { type: 'integer' } },
  required: ['city', 'people'], additionalProperties: false,
};
const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(64)]).toString('base64');

const refused = (run, kind) => assert.rejects(run, (error) => {
  assert.match(String(error.message), /the provider says no/);
  return kind === undefined || error instanceof kind;
});

function vectors(found) {
  assert.deepEqual(found.map((vector) => vector[0]), [5, 6]);
  assert.ok(Math.abs(found[0][1] - 0.1) < 1e-7, String(found));
}

function openai(upstream) {
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'none', maxRetries: 0 });
  const ask = (content, more = {}) => client.chat.completions.create({
    model: `pointsman/${upstream}`, max_tokens: 60, ...more,
    messages: Array.isArray(content) ? content : [{ role: 'user', content }],
  });
  const tools = [{ type: 'function', function: { name: 'weather', parameters } }];
  const question = { role: 'user', content: 'How is the weather?' };
  return {
    async plain() {
      const answer = await ask('Where is Tartu?');
      assert.equal(answer.choices[0].message.content, TEXT);
      assert.equal(answer.usage.prompt_tokens, 20);
    },
    async stream() {
      const stream = client.chat.completions.stream({
        model: `pointsman/${upstream}`, messages: [{ role: 'user', content: 'Where is Tartu?' }],
        stream_options: { include_usage: true },
      });
      assert.equal(await stream.finalContent(), TEXT);
      assert.equal((await stream.totalUsage()).completion_tokens, 7);
    },
    async tools() {
      const first = (await ask([question], { tools })).choices[0];
      assert.deepEqual(JSON.parse(first.message.tool_calls[0].function.arguments), { city: 'Tartu' });
      const result = { role: 'tool', tool_call_id: first.message.tool_calls[0].id, content: '-7' };
      assert.equal((await ask([question, first.message, result], { tools })).choices[0].message.content, AFTER);
    },
    async structured() {
      const answer = await ask('Tell me of the place.', { response_format: { type: 'json_schema', json_schema: { name: 'place', schema, strict: true } } });
      assert.equal(JSON.parse(answer.choices[0].message.content).people, 91000);
    },
    async image() {
      const url = { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } };
      const answer = await ask([{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, url] }]);
      assert.equal(answer.choices[0].message.content, 'I see one picture.');
    },
    error: () => refused(ask('Please fail.'), OpenAI.BadRequestError),
    async cancel() {
      const stream = await ask('Say it slowly.', { stream: true });
      for await (const _ of stream) break;
      stream.controller.abort();
    },
    // It asks for base64 and decodes it, unless it is told otherwise.
    async embeddings() {
      for (const more of [{}, { encoding_format: 'float' }]) {
        const answer = await client.embeddings.create({ model: `${upstream}-model`, input: ['Tartu', 'Narva!'], ...more });
        vectors(answer.data.map((datum) => datum.embedding));
      }
    },
  };
}

function anthropic(upstream) {
  const client = new Anthropic({ baseURL: base, apiKey: 'none', maxRetries: 0 });
  const ask = (content, more = {}) => client.messages.create({
    model: `pointsman/${upstream}`, max_tokens: 60, ...more,
    messages: Array.isArray(content) ? content : [{ role: 'user', content }],
  });
  const tools = [{ name: 'weather', input_schema: parameters }];
  const question = { role: 'user', content: 'How is the weather?' };
  return {
    async plain() {
      const answer = await ask('Where is Tartu?');
      assert.equal(answer.content[0].text, TEXT);
      assert.equal(answer.usage.input_tokens, 16);
    },
    async stream() {
      const stream = client.messages.stream({ model: `pointsman/${upstream}`, max_tokens: 60, messages: [{ role: 'user', content: 'Where is Tartu?' }] });
      const final = await stream.finalMessage();
      assert.equal(final.content[0].text, TEXT);
      assert.equal(final.usage.output_tokens, 7);
    },
    async tools() {
      const first = await ask([question], { tools });
      const call = first.content.at(-1);
      assert.deepEqual(call.input, { city: 'Tartu' });
      const result = { type: 'tool_result', tool_use_id: call.id, content: '-7' };
      const turns = [question, { role: 'assistant', content: first.content }, { role: 'user', content: [result] }];
      assert.equal((await ask(turns, { tools })).content[0].text, AFTER);
    },
    async structured() {
      const answer = await ask('Tell me of the place.', { output_config: { format: { type: 'json_schema', schema } } });
      assert.equal(JSON.parse(answer.content[0].text).people, 91000);
    },
    async image() {
      const source = { type: 'base64', media_type: 'image/png', data: png };
      const answer = await ask([{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, { type: 'image', source }] }]);
      assert.equal(answer.content[0].text, 'I see one picture.');
    },
    error: () => refused(ask('Please fail.'), Anthropic.BadRequestError),
    async cancel() {
      const stream = await ask('Say it slowly.', { stream: true });
      for await (const _ of stream) break;
      stream.controller.abort();
    },
  };
}

function responses(upstream) {
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'none', maxRetries: 0 });
  const model = `pointsman/${upstream}`;
  const ask = (input, more = {}) => client.responses.create({ model, input, store: false, max_output_tokens: 60, ...more });
  const tools = [{ type: 'function', name: 'weather', parameters, strict: true }];
  const question = { role: 'user', content: 'How is the weather?' };
  return {
    async plain() {
      const answer = await ask('Where is Tartu?');
      assert.equal(answer.output_text, TEXT);
      assert.equal(answer.usage.input_tokens, 20);
    },
    async stream() {
      const final = await client.responses.stream({ model, input: 'Where is Tartu?', store: false }).finalResponse();
      assert.equal(final.output_text, TEXT);
      assert.equal(final.usage.output_tokens, 7);
    },
    async tools() {
      const first = await ask([question], { tools });
      const call = first.output.at(-1);
      assert.deepEqual(JSON.parse(call.arguments), { city: 'Tartu' });
      const result = { type: 'function_call_output', call_id: call.call_id, output: '-7' };
      assert.equal((await ask([question, ...first.output, result], { tools })).output_text, AFTER);
    },
    async structured() {
      const format = { type: 'json_schema', name: 'place', schema, strict: true };
      assert.equal(JSON.parse((await ask('Tell me of the place.', { text: { format } })).output_text).people, 91000);
    },
    async image() {
      const url = { type: 'input_image', image_url: `data:image/png;base64,${png}`, detail: 'auto' };
      const content = [{ type: 'input_text', text: 'What is it?' }, url];
      assert.equal((await ask([{ role: 'user', content }])).output_text, 'I see one picture.');
    },
    error: () => refused(ask('Please fail.'), OpenAI.BadRequestError),
    async cancel() {
      const stream = await ask('Say it slowly.', { stream: true });
      for await (const _ of stream) break;
      stream.controller.abort();
    },
  };
}

function gemini(upstream) {
  const client = new GoogleGenAI({ apiKey: 'none', httpOptions: { baseUrl: base } });
  const model = `pointsman/${upstream}`;
  const ask = (contents, config = {}) => client.models.generateContent({ model, contents, config: { maxOutputTokens: 60, ...config } });
  const tools = [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: parameters }] }];
  const question = { role: 'user', parts: [{ text: 'How is the weather?' }] };
  return {
    async plain() {
      const answer = await ask('Where is Tartu?');
      assert.equal(answer.text, TEXT);
      assert.equal(answer.usageMetadata.promptTokenCount, 20);
    },
    async stream() {
      let text = '';
      let last;
      for await (last of await client.models.generateContentStream({ model, contents: 'Where is Tartu?' })) text += last.text ?? '';
      assert.equal(text, TEXT);
      assert.equal(last.usageMetadata.candidatesTokenCount, 7);
    },
    async tools() {
      const first = await ask([question], { tools });
      const call = first.functionCalls[0];
      assert.deepEqual(call.args, { city: 'Tartu' });
      const result = { role: 'user', parts: [{ functionResponse: { id: call.id, name: call.name, response: { output: '-7' } } }] };
      assert.equal((await ask([question, first.candidates[0].content, result], { tools })).text, AFTER);
    },
    async structured() {
      const form = { responseMimeType: 'application/json', responseJsonSchema: schema };
      assert.equal(JSON.parse((await ask('Tell me of the place.', form)).text).people, 91000);
    },
    async image() {
      const parts = [{ text: 'What is it?' }, { inlineData: { mimeType: 'image/png', data: png } }];
      assert.equal((await ask([{ role: 'user', parts }])).text, 'I see one picture.');
    },
    error: () => refused(ask('Please fail.')),
    async cancel() {
      const abort = new AbortController();
      const stream = await client.models.generateContentStream({ model, contents: 'Say it slowly.', config: { abortSignal: abort.signal } });
      await stream.next();
      abort.abort();
    },
    async embeddings() {
      const answer = await client.models.embedContent({ model: `${upstream}-model`, contents: ['Tartu', 'Narva!'] });
      vectors(answer.embeddings.map((one) => one.values));
    },
  };
}

const ai = (provider, { embedder, ...providerOptions } = {}) => (upstream) => {
  const model = provider(`pointsman/${upstream}`);
  const more = { model, maxOutputTokens: 60, maxRetries: 0, providerOptions };
  return {
    async plain() {
      const answer = await generateText({ ...more, prompt: 'Where is Tartu?' });
      assert.equal(answer.text, TEXT);
      assert.equal(answer.usage.outputTokens, 7);
    },
    async stream() {
      const answer = streamText({ ...more, prompt: 'Where is Tartu?' });
      assert.equal(await answer.text, TEXT);
      assert.equal((await answer.usage).outputTokens, 7);
    },
    async tools() {
      const weather = tool({ inputSchema: jsonSchema(parameters), execute: ({ city }) => `${city}: -7` });
      const answer = await generateText({ ...more, prompt: 'How is the weather?', tools: { weather }, stopWhen: stepCountIs(2) });
      assert.equal(answer.text, AFTER);
    },
    async structured() {
      const answer = await generateObject({ ...more, prompt: 'Tell me of the place.', schema: jsonSchema(schema) });
      assert.equal(answer.object.people, 91000);
    },
    async image() {
      const content = [{ type: 'text', text: 'What is it?' }, { type: 'image', image: png, mediaType: 'image/png' }];
      assert.equal((await generateText({ ...more, messages: [{ role: 'user', content }] })).text, 'I see one picture.');
    },
    error: () => refused(generateText({ ...more, prompt: 'Please fail.' })),
    async cancel() {
      const abort = new AbortController();
      const answer = streamText({ ...more, prompt: 'Say it slowly.', abortSignal: abort.signal, onError() {} });
      for await (const _ of answer.textStream) break;
      abort.abort();
    },
    embeddings: embedder && (async () => {
      const { embeddings } = await embedMany({ model: embedder(`${upstream}-model`), values: ['Tartu', 'Narva!'], maxRetries: 0 });
      vectors(embeddings);
    }),
  };
};

const clients = {
  'openai (Node)': openai,
  'openai, resp. (Node)': responses,
  '@anthropic-ai/sdk': anthropic,
  '@google/genai': gemini,
  'ai, OpenAI chat': ai((name) => createOpenAI({ baseURL: `${base}/v1`, apiKey: 'none' }).chat(name), {
    embedder: (name) => createOpenAI({ baseURL: `${base}/v1`, apiKey: 'none' }).embedding(name),
  }),
  // Its answers are kept unless it says otherwise, and nobody else keeps them.
  'ai, responses': ai((name) => createOpenAI({ baseURL: `${base}/v1`, apiKey: 'none' }).responses(name), { openai: { store: false } }),
  'ai, Anthropic': ai((name) => createAnthropic({ baseURL: `${base}/v1`, apiKey: 'none' })(name)),
};
for (const upstream of upstreams) {
  for (const [client, make] of Object.entries(clients)) {
    const cases = make(upstream);
    for (const name of ['plain', 'stream', 'tools', 'structured', 'image', 'error', 'cancel', 'embeddings']) {
      if (!cases[name]) continue;
      const row = { client, upstream, case: name, ok: true, what: '' };
      try {
        await cases[name]();
      } catch (error) {
        Object.assign(row, { ok: false, what: String(error?.stack ?? error).slice(0, 300) });
      }
      console.log(JSON.stringify(row));
    }
  }
}
process.exit(0);
