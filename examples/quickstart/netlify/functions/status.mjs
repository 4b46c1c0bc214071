// Says that the site's functions answer, and when they last did.
export default async () =>
  Response.json({ ok: true, at: new Date().toISOString() }, { headers: { "cache-control": "no-store" } });
