// What the official parser says about documents: one JSON line in ANSWERS for each path that comes in as a line.
// node ask.mjs FOLDER-OF-THE-PACKAGE ANSWERS < PATHS
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';

const require = createRequire(path.join(path.resolve(process.argv[2]), 'index.js'));
const { Parser } = require('@asyncapi/parser');
const parser = new Parser();
const DROPPED = ['traits', 'message', 'messages', 'channel', 'reply', 'payload', 'examples'];

// A plain copy without what the parser adds; a value that holds itself is named so.
function plain(value, dropped, above) {
  if (value === null || typeof value !== 'object') return value;
  if (above.includes(value)) return '(itself)';
  const inside = [...above, value];
  if (Array.isArray(value)) return value.map((one) => plain(one, [], inside));
  const kept = Object.entries(value).filter(([key]) => !key.startsWith('x-parser-') && !dropped.includes(key));
  return Object.fromEntries(kept.map(([key, one]) => [key, plain(one, [], inside)]));
}

function operation(one) {
  const channel = one.channels().all()[0];
  return {
    action: one.isSend() ? 'send' : 'receive',
    address: channel ? channel.address() ?? null : null,
    id: one.id() ?? null,
    merged: plain(one.json(), DROPPED, []),
    messages: one.messages().all().map((message) => plain(message.json(), DROPPED, [])),
  };
}

async function answer(file) {
  const start = process.cpuUsage();
  const { document, diagnostics, extras } = await parser.parse(fs.readFileSync(file, 'utf8'), { source: file });
  const used = process.cpuUsage(start);
  const errors = diagnostics.filter((one) => one.severity === 0);
  const data = extras && extras.document && extras.document.data;
  return {
    accepted: document !== undefined,
    codes: [...new Set(errors.map((one) => String(one.code)))].sort(),
    errors: errors.slice(0, 20).map((one) => `${one.code}: ${one.message} at ${one.path.join('/')}`),
    seconds: (used.user + used.system) / 1e6,
    version: (data && data.asyncapi) ?? null,
    operations: document ? document.operations().all().map(operation) : [],
  };
}

for await (const file of readline.createInterface({ input: process.stdin })) {
  let found;
  try {
    found = await answer(file);
  } catch (error) {
    found = { accepted: false, codes: ['uncaught-error'], errors: [String(error)], seconds: 0, version: null, operations: [] };
  }
  fs.appendFileSync(process.argv[3], JSON.stringify({ file, ...found }) + '\n');
}
process.exit(0);
