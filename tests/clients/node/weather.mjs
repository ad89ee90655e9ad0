// The tool that every agent of the tests has, and the examples a small model needs to call it.

const WEATHER = { Oslo: "7 degrees, rain", Bergen: "9 degrees, fog" };

export const MODEL = process.env.RIGTAPE_MODEL ?? "smollm2-135m-instruct";
export const CITY = process.env.CITY ?? "Oslo";
export const QUESTION = `What is the weather in ${CITY}?`;
export const DESCRIPTION = "Current weather of a city";
export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string", description: "Name of the city" } },
  required: ["city"],
};
export const SOLVED = [
  ["Paris", "14 degrees, cloudy"],
  ["Madrid", "28 degrees, sunny"],
].map(([city, weather], at) => ({
  city,
  weather,
  id: `call_${at + 1}`,
  question: `What is the weather in ${city}?`,
  answer: `In ${city} it is ${weather.replace(", ", " and ")}.`,
}));

export function getWeather({ city }) {
  return WEATHER[city] ?? "no such city";
}

/** Prints what one turn came to, as one line of JSON. */
export function print(turn) {
  console.log(JSON.stringify(turn));
}

/** Runs `main`; what the API refused is printed as a turn is, and the status is 1. */
export async function run(main) {
  try {
    await main();
  } catch (error) {
    const status = error.status ?? error.statusCode ?? null;
    print({ status, error: error.message });
    process.exitCode = 1;
  }
}
