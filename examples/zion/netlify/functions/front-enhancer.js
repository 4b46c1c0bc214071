const { enhanced } = require("./lib/enhanced.js");

exports.handler = async (event) => ({
  statusCode: 200,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ enhanced: enhanced(event.queryStringParameters?.page ?? "home") }),
});
