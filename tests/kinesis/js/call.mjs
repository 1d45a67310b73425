// Calls of the AWS SDK for JavaScript, told line by line on standard input:
//
//   {"command": "PutRecord", "input": {...}}     the answer, or {"error": {"name", "message", "status"}}
//   SubscribeToShard                             a line for each event, then {"end": true}
//
// {"$bytes": "base64"} and {"$time": seconds} stand for bytes and moments, in both directions.
import { createInterface } from "node:readline";
import * as sdk from "@aws-sdk/client-kinesis";

const client = new sdk.KinesisClient({
  endpoint: process.argv[2],
  region: "us-east-1",
  credentials: { accessKeyId: process.argv[3] ?? "test", secretAccessKey: process.argv[4] ?? "test" },
  maxAttempts: 1,
});

function fromLine(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(fromLine);
  if ("$bytes" in value) return Buffer.from(value.$bytes, "base64");
  if ("$time" in value) return new Date(value.$time * 1000);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, fromLine(member)]));
}

function toLine(value) {
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (value instanceof Date) return { $time: value.getTime() / 1000 };
  if (Array.isArray(value)) return value.map(toLine);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toLine(member)]));
}

function say(what) {
  process.stdout.write(JSON.stringify(toLine(what)) + "\n");
}

async function call({ command, input }) {
  const { $metadata, EventStream, ...answer } = await client.send(new sdk[`${command}Command`](fromLine(input)));
  if (!EventStream) return say(answer);
  for await (const event of EventStream) say(event);
  say({ end: true });
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    await call(JSON.parse(line));
  } catch (error) {
    say({ error: { name: error.name, message: error.message, status: error.$metadata?.httpStatusCode } });
  }
}
client.destroy();
