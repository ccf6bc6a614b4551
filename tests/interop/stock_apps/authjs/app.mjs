// A whole app with Auth.js (@auth/express). It has no log-out at the provider of its own: a route of ours leads there.
import { ExpressAuth, getSession } from "@auth/express";
import express from "express";

const { APP_URL, ISSUER, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const app = express();

const config = {
  basePath: "/auth",
  trustHost: true,
  secret: "a-long-random-text-that-seals-the-cookie",
  providers: [
    {
      id: "portal",
      name: "Portal",
      type: "oidc",
      issuer: ISSUER,
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      checks: ["pkce", "state", "nonce"],
      authorization: { params: { scope: "openid profile email" } },
    },
  ],
  callbacks: {
    jwt: ({ token, account }) => (account ? { ...token, id_token: account.id_token } : token),
    session: ({ session, token }) => ({ ...session, id_token: token.id_token }),
  },
};

app.use("/auth", ExpressAuth(config));
app.get("/", async (request, response) => {
  response.json({ email: (await getSession(request, config))?.user?.email ?? null });
});
app.get("/logout", async (request, response) => {
  const session = await getSession(request, config);
  const url = new URL(`${ISSUER}/oauth2/logout`);
  url.search = new URLSearchParams({ id_token_hint: session.id_token, post_logout_redirect_uri: `${APP_URL}/` });
  response.clearCookie("authjs.session-token").redirect(url);
});

app.listen(Number(PORT), "127.0.0.1");
