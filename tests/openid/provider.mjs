// A real OpenID provider for tests: signs in whoever types a name, with claims by name.
import Provider from 'oidc-provider'

const port = Number(process.argv[2])
const clients = JSON.parse(process.argv[3])
const people = JSON.parse(process.argv[4])
const issuer = `http://127.0.0.1:${port}`

const provider = new Provider(issuer, {
  clients,
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username', 'picture'],
    email: ['email', 'email_verified'],
    groups: ['groups', 'roles'],
  },
  scopes: ['openid', 'profile', 'email', 'groups'],
  conformIdTokenClaims: true,
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  cookies: { keys: ['a key of a test'] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...(people[id] ?? {}) }),
  }),
})

// Tests change what is said about somebody between two sign-ins.
provider.use(async (context, next) => {
  if (context.path !== '/people' || context.method !== 'POST') return next()
  const chunks = []
  for await (const chunk of context.req) chunks.push(chunk)
  Object.assign(people, JSON.parse(Buffer.concat(chunks).toString()))
  context.status = 204
})

provider.listen(port, '127.0.0.1', () => console.log('ready'))
