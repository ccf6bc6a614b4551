// A whole app with express-openid-connect: configuration is all there is.
import express from "express";
import openid from "express-openid-connect";

const { APP_URL, ISSUER, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const app = express();

app.use(
  openid.auth({
    issuerBaseURL: ISSUER,
    baseURL: APP_URL,
    clientID: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    secret: "a-long-random-text-that-seals-the-cookie",
    authorizationParams: { response_type: "code", scope: "openid profile email" },
    authRequired: false,
    idpLogout: true,
  }),
);

app.get("/", (request, response) => response.json({ email: request.oidc.user?.email ?? null }));
app.get("/refresh", async (request, response) => {
  const before = request.oidc.accessToken.access_token;
  const { access_token } = await request.oidc.accessToken.refresh();
  response.json({ refreshed: access_token !== before });
});

app.listen(Number(PORT), "127.0.0.1");
