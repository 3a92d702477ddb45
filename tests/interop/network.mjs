// network.mjs PLC_PORT PDS_PORT APPVIEW_URL APPVIEW_DID DIRECTORY: a PLC directory (in memory) and an official PDS on loopback, whose
// app.bsky requests go to the AppView at APPVIEW_URL. Prints one JSON line when both answer; ends with SIGTERM or when stdin closes.
import dns from 'node:dns'
import fs from 'node:fs'
import path from 'node:path'
import { Secp256k1Keypair } from '@atproto/crypto'
import { PDS } from '@atproto/pds'
import * as plc from '@did-plc/server'

const [plcPort, pdsPort, appviewUrl, appviewDid, directory] = process.argv.slice(2)
dns.setDefaultResultOrder('ipv4first')
const plcServer = plc.PlcServer.create({ db: plc.Database.mock(), port: +plcPort })
await plcServer.start()

const rotation = await Secp256k1Keypair.create({ exportable: true })
for (const part of ['data', 'blobs', 'blobs/tmp']) fs.mkdirSync(path.join(directory, part), { recursive: true })
const pds = await PDS.fromEnv({
  devMode: true,
  disableSsrfProtection: true,
  port: +pdsPort,
  hostname: 'localhost',
  didPlcUrl: `http://localhost:${plcPort}`,
  dataDirectory: path.join(directory, 'data'),
  blobstoreDiskLocation: path.join(directory, 'blobs'),
  blobstoreDiskTmpLocation: path.join(directory, 'blobs/tmp'),
  recoveryDidKey: (await Secp256k1Keypair.create()).did(),
  plcRotationKeyK256PrivateKeyHex: Buffer.from(await rotation.export()).toString('hex'),
  adminPassword: 'admin-pass',
  jwtSecret: 'jwt-secret',
  serviceHandleDomains: ['.test'],
  inviteRequired: false,
  bskyAppViewUrl: appviewUrl,
  bskyAppViewDid: appviewDid,
})
await pds.start()
console.log(JSON.stringify({ plcUrl: `http://localhost:${plcPort}`, pdsUrl: `http://localhost:${pdsPort}` }))
process.stdin.resume()
for (const event of ['end', 'close', 'error']) process.stdin.on(event, () => process.exit(0))
process.on('SIGTERM', () => process.exit(0))
