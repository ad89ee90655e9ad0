// Sends the request of a tape with the official SDK, over Chat Completions, and prints what it accumulates.
//
//   OPENAI_BASE_URL=… node openai_stream.mjs TAPE.jsonl

import OpenAI from "openai";
import { careful, request } from "./tape.mjs";

await careful(async () => {
  const client = new OpenAI({ maxRetries: 0 });
  const { choices } = await client.chat.completions.stream(request(process.argv[2])).finalChatCompletion();
  for (const { message, finish_reason } of choices) {
    console.log(JSON.stringify({ text: message.content, finish_reason, tool_calls: message.tool_calls }));
    for (const call of message.tool_calls ?? []) JSON.parse(call.function.arguments);
    if (!finish_reason) throw new Error("the answer has no finish reason");
  }
});
