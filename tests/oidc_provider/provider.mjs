// A certified OpenID provider that we did not write: node provider.mjs PORT REDIRECT_URI AUDIENCE SECRET
import Provider from 'oidc-provider';

const [port, redirectUri, audience, secret] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const person = (sub) => ({ sub, email: `${sub}@foreign.example`, email_verified: true, name: `Foreign ${sub}` });

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'guildhall-gateway',
      client_secret: secret,
      redirect_uris: [redirectUri],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_basic',
    },
    {
      client_id: 'guildhall-cli',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
    },
  ],
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: false,
  cookies: { keys: [secret] },
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'openid',
        audience,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 600,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  extraTokenClaims: (ctx, token) => person(token.accountId),
  findAccount: (ctx, sub) => ({ accountId: sub, claims: async () => person(sub) }),
});

provider.listen(Number(port), '127.0.0.1', () => console.log(`listening on ${issuer}`));
