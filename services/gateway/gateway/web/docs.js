"use strict";

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  persistAuthorization: false,
  displayRequestDuration: true,
  // A validator badge would send the address of this platform to a stranger.
  validatorUrl: null,
});
