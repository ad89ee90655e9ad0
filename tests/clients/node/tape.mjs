// What tapes hold, as far as clients need it.

import { readFileSync } from "node:fs";

/** The body of the first request on a tape. */
export function request(path) {
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const record = line.startsWith("{") ? JSON.parse(line) : {};
    if (record.request) return JSON.parse(record.body);
  }
  throw new Error(`${path}: no request is on it`);
}

/** Runs `main`; an error is said on stderr, and the status is 1. */
export async function careful(main) {
  try {
    await main();
  } catch (error) {
    console.error(`${error.name}: ${error.message}`);
    process.exitCode = 1;
  }
}
