/** rephase in Node: all that browsers have. */
export * from './index.browser.js';
