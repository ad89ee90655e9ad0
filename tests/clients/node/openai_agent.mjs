// A two-turn agent on the official SDK, over Chat Completions: a tool call, its result, the answer.
//
//   OPENAI_BASE_URL=… node openai_agent.mjs

import OpenAI from "openai";
import { DESCRIPTION, MODEL, QUESTION, SCHEMA, SOLVED, getWeather, print, run } from "./weather.mjs";

const client = new OpenAI({ maxRetries: 0 });
const tools = [
  { type: "function", function: { name: "get_weather", description: DESCRIPTION, parameters: SCHEMA } },
];
const messages = SOLVED.flatMap(({ city, weather, id, question, answer }) => [
  { role: "user", content: question },
  {
    role: "assistant",
    content: null,
    tool_calls: [{ id, type: "function", function: { name: "get_weather", arguments: JSON.stringify({ city }) } }],
  },
  { role: "tool", tool_call_id: id, content: weather },
  { role: "assistant", content: answer },
]);

async function turn() {
  const stream = client.chat.completions.stream({
    model: MODEL,
    messages,
    tools,
    temperature: 0,
    seed: 7,
    max_tokens: 80,
    stream_options: { include_usage: true },
  });
  const { choices, usage } = await stream.finalChatCompletion();
  const [{ message, finish_reason }] = choices;
  const calls = message.tool_calls ?? [];
  print({
    text: message.content ?? "",
    finish_reason,
    tool_calls: calls.map((call) => ({
      id: call.id,
      name: call.function.name,
      arguments: call.function.arguments,
    })),
    usage: { input_tokens: usage.prompt_tokens, output_tokens: usage.completion_tokens },
  });
  messages.push({ role: "assistant", content: message.content, tool_calls: message.tool_calls });
  for (const call of calls) {
    messages.push({
      role: "tool",
      tool_call_id: call.id,
      content: getWeather(JSON.parse(call.function.arguments)),
    });
  }
  return calls.length;
}

await run(async () => {
  messages.push({ role: "user", content: QUESTION });
  while (await turn());
});
