exports.enhanced = (page) => `${page}, enhanced`;
