// An app in the words of openid-client's own documentation. One JSON object comes in through $STEP, one goes out.
// `begin` tells where to send the browser and what to remember; `finish` takes the address that the browser came back
// to and tells who logged in, or which check refused it.
import * as client from "openid-client";

const step = JSON.parse(process.env.STEP);

const authentication = {
  client_secret_basic: () => client.ClientSecretBasic(step.client_secret),
  client_secret_post: () => client.ClientSecretPost(step.client_secret),
  none: () => client.None(),
}[step.authentication]();

const config = await client.discovery(new URL(step.issuer), step.client_id, undefined, authentication, {
  execute: [client.allowInsecureRequests], // http: the portal of this test is on localhost
});

async function begin() {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: step.redirect_uri,
    scope: "openid profile email",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
  });
  return { url: url.href, remembered: { verifier, state, nonce } };
}

async function finish() {
  try {
    const tokens = await client.authorizationCodeGrant(config, new URL(step.came_to), {
      pkceCodeVerifier: step.remembered.verifier,
      expectedState: step.remembered.state,
      expectedNonce: step.remembered.nonce,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
    return { claims, userinfo };
  } catch (refusal) {
    return { refused: [refusal.code, refusal.error, refusal.message, refusal.cause?.message].filter(Boolean).join(" | ") };
  }
}

console.log(JSON.stringify(await (step.name === "begin" ? begin() : finish())));
