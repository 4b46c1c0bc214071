exports.handler = async () => {
  console.log("all is well");
  return { statusCode: 200, body: "" };
};
