// A program that knows nothing of a proxy: Node's SDKs with their defaults, a key, and what the environment says. Prints a line
// of JSON for each call: its name and the hash of the answer's bytes.
import { createHash } from 'node:crypto';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

const messages = [{ role: 'user', content: 'Where is Tartu?' }];
const report = async (call, pending) => {
  const body = Buffer.from(await (await pending.asResponse()).arrayBuffer());
  console.log(JSON.stringify({ call, answer: createHash('sha256').update(body).digest('hex') }));
};

const chat = new OpenAI({ maxRetries: 0, timeout: 20000 }).chat.completions;
await report('openai', chat.create({ model: 'large-1', messages }));
await report('openai, streamed', chat.create({ model: 'large-1', messages, stream: true }));
const claude = new Anthropic({ maxRetries: 0, timeout: 20000 }).messages;
await report('anthropic', claude.create({ model: 'claude-large-1', messages, max_tokens: 60 }));
await report('anthropic, streamed', claude.create({ model: 'claude-large-1', messages, max_tokens: 60, stream: true }));
