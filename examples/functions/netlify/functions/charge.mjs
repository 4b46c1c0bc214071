// Must run once for each order, so nothing stands in for it.
export default async () => new Response("there is no shop behind this example\n", { status: 501 });
