#!/usr/bin/env node
/** The `rephase` program. Everything it does is in cli/. */
import process from 'node:process';
import { main } from './cli/program.js';

process.exitCode = await main(process.argv.slice(2));
