// Tells the time, in the older form of a function.
exports.handler = async () => ({
  statusCode: 200,
  headers: { "content-type": "text/plain" },
  body: `${new Date().toISOString()}\n`,
});
