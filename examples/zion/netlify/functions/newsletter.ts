import type { Context } from "@netlify/functions";

export default async (request: Request, context: Context) => {
  const { searchParams } = new URL(request.url);
  return Response.json({ subscribed: searchParams.get("address"), site: context.site?.name ?? null });
};
