/** Rowid tables with one index each: WITHOUT ROWID splits pages at random keys and grows threefold. */
export const CATALOGUE_VERSION = 3;

export const CATALOGUE_SCHEMA = `
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS devices (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, thumbprint BLOB NOT NULL,
  endorse INTEGER, manifest INTEGER, boot INTEGER, epoch INTEGER, oh BLOB, retired INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS manifests (hash BLOB PRIMARY KEY, device INTEGER NOT NULL, version INTEGER NOT NULL, position INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS epochs (
  id INTEGER PRIMARY KEY, device INTEGER NOT NULL, eh BLOB NOT NULL, oh BLOB NOT NULL, boot INTEGER NOT NULL,
  epoch INTEGER NOT NULL, position INTEGER NOT NULL, bulk INTEGER NOT NULL, accepted INTEGER NOT NULL DEFAULT 0, arrived INTEGER NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS epochs_by_device ON epochs (device, eh);
CREATE INDEX IF NOT EXISTS epochs_by_eh ON epochs (eh);
CREATE INDEX IF NOT EXISTS epochs_by_position ON epochs (position);
CREATE INDEX IF NOT EXISTS epochs_by_order ON epochs (device, boot, epoch);
CREATE TABLE IF NOT EXISTS messages (epoch INTEGER NOT NULL, kind INTEGER NOT NULL, position INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS messages_by_epoch ON messages (epoch, kind);
CREATE TABLE IF NOT EXISTS closes (
  position INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, segment INTEGER NOT NULL, first INTEGER NOT NULL,
  count INTEGER NOT NULL, hash BLOB NOT NULL, last INTEGER NOT NULL, state INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS closes_by_epoch ON closes (epoch, segment);
CREATE INDEX IF NOT EXISTS closes_unfinished ON closes (epoch) WHERE state < 2;
CREATE TABLE IF NOT EXISTS blocks (
  id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, device INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  fromMs INTEGER NOT NULL, toMs INTEGER NOT NULL, frames INTEGER NOT NULL, places BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS blocks_by_epoch ON blocks (epoch, first);
CREATE INDEX IF NOT EXISTS blocks_by_time ON blocks (device, toMs);
CREATE TABLE IF NOT EXISTS entries (number INTEGER PRIMARY KEY, position INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS entries_by_position ON entries (position);
CREATE TABLE IF NOT EXISTS tiles (place INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS heads (size INTEGER PRIMARY KEY, batch INTEGER NOT NULL, position INTEGER NOT NULL, hash BLOB NOT NULL, anchored INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS revoked (consent TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS beacons (serial INTEGER PRIMARY KEY, hash BLOB NOT NULL, position INTEGER NOT NULL);
`;
