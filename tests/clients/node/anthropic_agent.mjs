// A two-turn agent on the official SDK, over Messages: a tool call, its result, the answer.
//
//   ANTHROPIC_BASE_URL=… node anthropic_agent.mjs

import Anthropic from "@anthropic-ai/sdk";
import { DESCRIPTION, MODEL, QUESTION, SCHEMA, SOLVED, getWeather, print, run } from "./weather.mjs";

const client = new Anthropic({ maxRetries: 0 });
const tools = [{ name: "get_weather", description: DESCRIPTION, input_schema: SCHEMA }];
const messages = SOLVED.flatMap(({ city, weather, id, question, answer }) => [
  { role: "user", content: question },
  { role: "assistant", content: [{ type: "tool_use", id, name: "get_weather", input: { city } }] },
  { role: "user", content: [{ type: "tool_result", tool_use_id: id, content: weather }] },
  { role: "assistant", content: answer },
]);

async function turn() {
  const stream = client.messages.stream({ model: MODEL, max_tokens: 80, temperature: 0, messages, tools });
  const { content, stop_reason, usage } = await stream.finalMessage();
  const calls = content.filter((block) => block.type === "tool_use");
  print({
    text: content.map((block) => block.text ?? "").join(""),
    finish_reason: stop_reason,
    tool_calls: calls.map((call) => ({ id: call.id, name: call.name, arguments_json: call.input })),
    usage: { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens },
  });
  messages.push({ role: "assistant", content });
  if (calls.length) {
    const results = calls.map((call) => ({
      type: "tool_result",
      tool_use_id: call.id,
      content: getWeather(call.input),
    }));
    messages.push({ role: "user", content: results });
  }
  return calls.length;
}

await run(async () => {
  messages.push({ role: "user", content: QUESTION });
  while (await turn());
});
