// Decides cells of the matrix with iam-simulate. In: a line with all policies by name, then a list of requests in each line. Out:
// a list of answers in each line, true, false, or a text that says why there is none.
//
// `runSimulation` takes a millisecond for a request. Most of it goes to what many requests have in common: which kind of resource
// an ARN is, which keys a request for it has, and what statements come to that are about other actions or resources. All that is
// decided by iam-simulate here as well, but once: statements that it finds to be about something else are left away, and where
// none is left that allows, nothing is.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const library = createRequire(`${process.argv[2]}/node_modules/`).resolve('@cloud-copilot/iam-simulate')
const require = createRequire(library)
const { runSimulation } = require(library)
const { loadPolicy, validateIdentityPolicy, validateResourcePolicy } = require('@cloud-copilot/iam-policy')
const { requestMatchesStatementActions } = require('./action/action.js')
const { AwsRequestImpl } = require('./request/request.js')
const { RequestContextImpl } = require('./requestContext.js')
const { requestMatchesStatementResources } = require('./resource/resource.js')

const once = (ask) => {
  const known = new Map()
  return (...about) => {
    const key = about.join(' ')
    if (!known.has(key)) known.set(key, ask(...about))
    return known.get(key)
  }
}
const types = require('./simulation_engine/resourceTypes.js')
types.getResourceTypesForAction = once(types.getResourceTypesForAction)
const keys = require('./simulation_engine/contextKeys.js')
keys.allowedContextKeysForRequest = once(keys.allowedContextKeysForRequest)

const request = (action, resource) => new AwsRequestImpl('*', { resource }, action, new RequestContextImpl({}))

function understood(name, policy) {
  const ofResource = policy.Statement.some((one) => one.Principal || one.NotPrincipal)
  const errors = (ofResource ? validateResourcePolicy : validateIdentityPolicy)(policy)
  if (errors.length) throw new Error(`${name}: ${JSON.stringify(errors)}`)
  return loadPolicy(policy).statements().map((statement) => ({
    written: statement.toJSON(),
    names: once((action) => requestMatchesStatementActions(request(action, '*'), statement).matches),
    covers: JSON.stringify(statement.toJSON()).includes('${')
      ? () => true // what stands for a variable is known with the request alone
      : once((resource) => {
          const kind = ofResource ? 'resource' : 'identity'
          return requestMatchesStatementResources(request('s3:GetObject', resource), statement, kind).matches !== 'NoMatch'
        }),
  }))
}

const policies = new Map()
const about = (name, action, resource) => {
  const statements = policies.get(name).filter((one) => one.names(action) && one.covers(resource))
  const policyDocument = { Version: '2012-10-17', Statement: statements.map((one) => one.written) }
  return { name, policy: { __validated: true, policyDocument, errors: [] } }
}

async function decide([principal, action, resource, accountId, contextVariables, identity, boundary, ofResource]) {
  const identityPolicies = identity.map((name) => about(name, action, resource))
  const resourcePolicy = ofResource ? about(ofResource, action, resource).policy : undefined
  const granting = [...identityPolicies.map((one) => one.policy), ...(resourcePolicy ? [resourcePolicy] : [])]
  if (!granting.some((one) => one.policyDocument.Statement.some((statement) => statement.Effect === 'Allow'))) return false
  const answer = await runSimulation(
    {
      request: { principal, action, resource: { resource, accountId }, contextVariables },
      identityPolicies,
      permissionBoundaryPolicies: boundary ? [about(boundary, action, resource)] : undefined,
      resourcePolicy,
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  )
  if (answer.resultType === 'error') return JSON.stringify(answer.errors)
  // A condition on a dropped key is decided as if the key were missing, which can open a Deny: that is no answer.
  const dropped = answer.result?.ignoredContextKeys ?? []
  return dropped.length ? `keys that it does not know of the action: ${dropped}` : answer.overallResult === 'Allowed'
}

for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line)
  if (policies.size === 0) {
    for (const [name, policy] of Object.entries(said)) policies.set(name, understood(name, policy))
    continue
  }
  const answers = []
  for (const one of said) answers.push(await decide(one))
  process.stdout.write(`${JSON.stringify(answers)}\n`)
}
