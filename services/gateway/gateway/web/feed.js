"use strict";

// In a worker of its own, the page is never "still loading" because of a stream that has no end
// (printing, archiving and screenshots wait for pages to be complete).
const source = new EventSource("/v1/events/stream");
source.onopen = () => postMessage({ live: true });
source.onerror = () => postMessage({ live: false });
source.onmessage = (message) => postMessage({ event: JSON.parse(message.data) });
