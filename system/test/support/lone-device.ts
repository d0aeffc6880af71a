/** A process with one device and nothing else, so that its memory is what somebody who takes the device would find. */
import { createNativeCrypto } from '@pulseseal/crypto';
import {
  boxCode,
  connectLocalLink,
  createDevice,
  createFileFlash,
  createMqttLink,
  deviceSettings,
  openDeviceKit,
} from '@pulseseal/device-sim';
import { chestStrap } from '@pulseseal/firmware-profiles';
import { createSystemClock, createSystemRandom } from '@pulseseal/runtime';

const kit = openDeviceKit(process.argv[2]!);
const [clock, random, crypto] = [createSystemClock(), createSystemRandom(), createNativeCrypto()];
const factory = kit.factory('lone-device');
const device = createDevice(
  {
    link: createMqttLink({ clock, random }, { url: kit.broker }),
    flash: createFileFlash(kit.folder, 'lone-device'),
    wall: clock,
    data: clock,
    random,
    crypto,
  },
  deviceSettings(chestStrap, { segmentMs: 1_000, heartbeatMs: 500, streams: [1] }),
  factory,
);
const [host, port] = kit.agent.split(':');
const agent = await connectLocalLink(host!, Number(port));
if (device.text === undefined) agent.send(new TextEncoder().encode(boxCode(factory, crypto)));
device.attach(agent);
device.start();
setInterval(() => device.send(1, { values: new Map([[0, 72]]) }), 100);
