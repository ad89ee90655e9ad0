// A two-turn agent on the Vercel AI SDK: a tool call, its result, the answer.
//
//   OPENAI_BASE_URL=… node ai_sdk_agent.mjs responses      (its default wire)
//   OPENAI_BASE_URL=… node ai_sdk_agent.mjs chat
//   ANTHROPIC_BASE_URL=… node ai_sdk_agent.mjs anthropic

import { anthropic } from "@ai-sdk/anthropic";
import { openai } from "@ai-sdk/openai";
import { jsonSchema, stepCountIs, streamText, tool } from "ai";
import { DESCRIPTION, MODEL, QUESTION, SCHEMA, SOLVED, getWeather, print, run } from "./weather.mjs";

const models = { responses: openai.responses, chat: openai.chat, anthropic };
const wire = process.argv[2] ?? "responses";
const messages = SOLVED.flatMap(({ city, weather, id, question, answer }) => [
  { role: "user", content: question },
  { role: "assistant", content: [{ type: "tool-call", toolCallId: id, toolName: "get_weather", input: { city } }] },
  {
    role: "tool",
    content: [{ type: "tool-result", toolCallId: id, toolName: "get_weather", output: { type: "text", value: weather } }],
  },
  { role: "assistant", content: answer },
]);
messages.push({ role: "user", content: QUESTION });

await run(async () => {
  let failure;
  const result = streamText({
    model: models[wire](MODEL),
    messages,
    tools: {
      get_weather: tool({ description: DESCRIPTION, inputSchema: jsonSchema(SCHEMA), execute: getWeather }),
    },
    temperature: 0,
    maxOutputTokens: 80,
    maxRetries: 0,
    stopWhen: stepCountIs(3),
    onError: ({ error }) => (failure = error),
  });
  await result.consumeStream();
  if (failure) throw failure;
  for (const step of await result.steps) {
    print({
      text: step.text,
      tool_calls: step.toolCalls.map((call) => ({
        id: call.toolCallId,
        name: call.toolName,
        arguments_json: call.input,
      })),
      usage: { input_tokens: step.usage.inputTokens, output_tokens: step.usage.outputTokens },
    });
  }
});
