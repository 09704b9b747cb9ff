package cron

// Zones are the names that are suggested.
var Zones = zones
