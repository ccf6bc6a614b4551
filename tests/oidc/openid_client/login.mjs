// npm's openid-client as its documentation uses it: `begin` prints where to send the browser and what to remember,
// `finish` takes the address that the browser came back to, and prints who logged in.
import * as client from 'openid-client'

const { step, issuer, clientId, clientSecret, callback, came, remembered } = JSON.parse(process.env.LOGIN)

// Plain http is for this test: the portal runs on localhost.
const config = await client.discovery(new URL(issuer), clientId, clientSecret, undefined, {
  execute: [client.allowInsecureRequests],
})

if (step === 'begin') {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: callback,
    scope: 'openid profile email',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  })
  console.log(JSON.stringify({ url, remembered: { verifier, state, nonce } }))
} else {
  const tokens = await client.authorizationCodeGrant(config, new URL(came), {
    pkceCodeVerifier: remembered.verifier,
    expectedState: remembered.state,
    expectedNonce: remembered.nonce,
    idTokenExpected: true,
  })
  const claims = tokens.claims()
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  console.log(JSON.stringify({ claims, userinfo }))
}
