// Decodes payloads, one base64 text a line, with Eclipse Tahu's decoder, and answers each with a line of JSON.
const { get } = require("sparkplug-payload");
const decoder = get("spBv1.0");
const plain = (_, value) =>
  value !== null && typeof value === "object" && "low" in value && "high" in value && "unsigned" in value
    ? Number(value.toString())
    : typeof value === "bigint" ? Number(value) : value;
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  console.log(JSON.stringify(decoder.decodePayload(Buffer.from(line, "base64")), plain));
});
