// Sends the request of a tape with the official SDK, over Chat Completions, and prints what it accumulates.
//
//   OPENAI_BASE_URL=… node openai_stream.mjs TAPE.jsonl

import OpenAI from "openai";
import { print, run } from "./weather.mjs";
import { request } from "./tape.mjs";

await run(async () => {
  const client = new OpenAI({ maxRetries: 0 });
  const { choices } = await client.chat.completions.stream(request(process.argv[2])).finalChatCompletion();
  for (const { message, finish_reason } of choices) {
    print({ text: message.content, finish_reason, tool_calls: message.tool_calls });
    if (!finish_reason) process.exitCode = 1;
  }
});
