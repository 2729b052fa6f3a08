/**
 * A strict client goes the whole way: discovery, code with PKCE through a real browser, tokens, userinfo, refresh,
 * introspection, revocation. CLARY_URL, CLARY_USER, CLARY_PASSWORD, CLIENT_ID, CLIENT_SECRET, CLARY_SHOTS.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import * as client from "openid-client";
import { newPage, PHONE, settings, shoot, startBrowser } from "../../console/e2e/browser.mjs";

const issuer = new URL(`${settings.url}/oauth2`);
const { CLIENT_ID, CLIENT_SECRET } = process.env;
const config = await client.discovery(issuer, CLIENT_ID, CLIENT_SECRET, client.ClientSecretBasic(CLIENT_SECRET), {
  execute: [client.allowInsecureRequests],
});
assert.equal(config.serverMetadata().issuer, issuer.href);

let arrived;
const callback = new Promise((resolve) => {
  arrived = resolve;
});
const app = createServer((request, response) => {
  response.end("done");
  if (request.url.startsWith("/cb")) arrived(new URL(request.url, `http://127.0.0.1:${app.address().port}`));
});
await new Promise((resolve) => app.listen(Number(process.env.APP_PORT), "127.0.0.1", resolve));

const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const nonce = client.randomNonce();
const address = client.buildAuthorizationUrl(config, {
  redirect_uri: `http://127.0.0.1:${app.address().port}/cb`,
  scope: "openid profile email read",
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  nonce,
});

const browser = await startBrowser();
try {
  const page = await newPage(browser);
  await page.goto(address.href);
  await page.getByLabel("User name or e-mail").fill(settings.user);
  await page.getByLabel("Password", { exact: true }).fill(settings.password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Test App wants to use your Clary account" }).waitFor();
  await shoot(page, "consent");
  await page.setViewportSize(PHONE);
  await page.emulateMedia({ colorScheme: "dark" });
  await shoot(page, "consent-phone-dark");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  assert.equal(wide, false, "the page is wider than a phone");
  await page.getByLabel("See your e-mail address").uncheck();
  await page.getByRole("button", { name: "Allow" }).focus();
  await page.keyboard.press("Enter");
  const back = await callback;
  assert.deepEqual(page.faults, []);

  const tokens = await client.authorizationCodeGrant(config, back, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  });
  assert.equal(tokens.scope, "openid profile read");
  const claims = tokens.claims();
  const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(info.preferred_username, settings.user);
  assert.equal(info.email, undefined);
  const api = await fetch(`${settings.url}/api/auth/session`, {
    headers: { Authorization: `Bearer ${tokens.access_token}` },
  });
  assert.equal((await api.json()).data.user.userid, claims.sub);

  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(renewed.refresh_token, tokens.refresh_token);
  const seen = await client.tokenIntrospection(config, renewed.access_token);
  assert.equal(seen.active, true);
  await client.tokenRevocation(config, renewed.refresh_token);
  assert.equal((await client.tokenIntrospection(config, renewed.access_token)).active, false);
  await assert.rejects(client.refreshTokenGrant(config, renewed.refresh_token), { error: "invalid_grant" });
  await assert.rejects(
    client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }),
    { error: "invalid_grant" },
  );
  console.log("the whole way");
} finally {
  await browser.close();
  app.close();
}
