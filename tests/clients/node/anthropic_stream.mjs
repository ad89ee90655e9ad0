// Sends the request of a tape with the official SDK, over Messages, and prints what it accumulates.
//
//   ANTHROPIC_BASE_URL=… node anthropic_stream.mjs TAPE.jsonl

import Anthropic from "@anthropic-ai/sdk";
import { careful, request } from "./tape.mjs";

await careful(async () => {
  const client = new Anthropic({ maxRetries: 0 });
  const { content, stop_reason } = await client.messages.stream(request(process.argv[2])).finalMessage();
  console.log(JSON.stringify({ content, stop_reason }));
  if (!stop_reason) throw new Error("the answer has no stop reason");
});
