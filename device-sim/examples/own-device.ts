/**
 * Your own device in 50 lines: a thermometer that joins a running PulseSeal.
 *
 *   PULSESEAL_KIT=pulseseal-data/demo/body/kit node_modules/.bin/node device-sim/examples/own-device.ts
 *
 * The kit folder is written by the running system: `kit.json` (broker, agent) and `own-device.factory` (what a maker
 * burns in). Everything secret of the device stays on its flash, here beside the kit.
 */
import { readFileSync } from 'node:fs';
import { createNativeCrypto } from '@pulseseal/crypto';
import { parseProfile } from '@pulseseal/firmware-profiles';
import { createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import * as ps from '../src/mod.ts';

process.once('uncaughtException', ({ message }) => {
  console.error(message);
  process.exit(1);
});
const kit = ps.openDeviceKit(process.env.PULSESEAL_KIT ?? 'pulseseal-data/demo/body/kit');
const [clock, random, crypto] = [createSystemClock(), createSystemRandom(), createNativeCrypto()];

// What it may send: one stream of one value, 0.01 degrees a step, every ten seconds. MDC code and units of IEEE 11073.
const profile = parseProfile(readFileSync(new URL('./own-thermometer.json', import.meta.url), 'utf8'));
const factory = kit.factory('own-device');
const link = ps.createMqttLink({ clock, random }, { url: kit.broker });
const flash = ps.createFileFlash(kit.folder, 'own-device');
const device = ps.createDevice(
  { link, flash, wall: clock, data: clock, random, crypto },
  ps.deviceSettings(profile),
  factory,
);

// The owner scans the code on the box; over this loopback link the device says it itself.
const [host, port] = kit.agent.split(':');
const agent = await ps.connectLocalLink(host!, Number(port));
if (device.text === undefined) agent.send(new TextEncoder().encode(ps.boxCode(factory, crypto)));
device.attach(agent);
device.onNotice((notice) => console.log(notice));
device.start();

const measure = () =>
  device.send(1, { values: new Map([[0, 3_680 + Math.round(Math.sin(Date.now() / 60_000) * 20)]]) });
const timer = setInterval(measure, 10_000);
process.once('SIGINT', async () => {
  clearInterval(timer);
  process.exit((await device.stop(5_000)) ? 0 : 1);
});
